"""Mail: messages to people without accounts, and sending them by SMTP. Decides nothing."""
