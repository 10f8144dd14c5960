"""Files that people bring, judged before they are stored, and their names made safe."""

from docgen.uploads.inspection import MOST_BYTES, Purpose, Upload, inspect
from docgen.uploads.names import content_disposition, display_name

__all__ = ["MOST_BYTES", "Purpose", "Upload", "content_disposition", "display_name", "inspect"]
