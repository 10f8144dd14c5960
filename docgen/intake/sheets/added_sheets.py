"""Sheets that docgen adds to workbooks, by the names under which they are never read as data."""

ABOUT = "docgen 说明"
ERRORS = "docgen 错误"
MARK = "docgen-intake"
"""Begins the first row of ABOUT: then come the record type and the version of the schemas."""
EXAMPLE = "示例"
BASICS = "基本信息"
"""The form of a record's own fields, beside the sheets of its lists."""
