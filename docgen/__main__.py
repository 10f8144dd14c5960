"""Where the command line begins, as `docgen` and as `python -m docgen`."""

from docgen.search_path import leave_out_working_folder


def main() -> None:
    """Run the command line; what it imports is not looked for in the working folder."""
    leave_out_working_folder()
    from docgen.cli import main as command_line

    command_line()


if __name__ == "__main__":
    main()
