"""Names of WordprocessingML elements (ISO/IEC 29500-1, 17)."""

from __future__ import annotations

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
P, R, T = f"{{{W}}}p", f"{{{W}}}r", f"{{{W}}}t"
TBL, TR, TC = f"{{{W}}}tbl", f"{{{W}}}tr", f"{{{W}}}tc"
XML_SPACE = "{http://www.w3.org/XML/1998/namespace}space"
