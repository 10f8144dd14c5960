"""Every reason for which a file is refused, in words for people; judges nothing itself."""

from __future__ import annotations

from typing import NamedTuple

from docgen.errors import UploadRefused


class Reason(NamedTuple):
    """What is wrong and what to do about it, in zh and en."""

    zh: str
    en: str
    hint_zh: str
    hint_en: str


_AGAIN = ("请重新导出或重新压缩后再上传。", "Export or pack it again, then upload it.")
_PRINT = ("请“打印为 PDF”后上传新文件。", "Print it to a new PDF and upload that.")
_PLAIN = ("请另存为不含宏的文件，或导出为 PDF。", "Save it without macros, or as PDF.")
_ACCEPTED = (
    "附件可用 pdf、png、jpg、tif、docx、xlsx、csv、txt、log、json、sql、zip；扫描件可用前四种。",
    (
        "Attachments: pdf, png, jpg, tif, docx, xlsx, csv, txt, log, json, sql, zip; "
        "scans: the first four."
    ),
)
_SMALLER = ("请拆成几个文件上传。", "Split it into several files.")
_RESAVE = (
    "请用看图软件另存一份，或重新扫描。",
    "Save a fresh copy from a viewer, or scan it again.",
)

REASONS = {
    "upload_empty": Reason("文件是空的", "The file is empty", "请检查文件。", "Check the file."),
    "upload_name": Reason(
        "文件名里没有可用的字符",
        "The file's name has no usable character",
        "请改名后上传。",
        "Give it another name.",
    ),
    "upload_too_large": Reason("文件过大", "The file is too large", *_SMALLER),
    "upload_kind_unknown": Reason(
        "认不出文件内容的类型", "The content is of no known kind", *_ACCEPTED
    ),
    "upload_kind_refused": Reason(
        "不接收这一类文件", "Files of this kind are not accepted", *_ACCEPTED
    ),
    "upload_extension_differs": Reason(
        "扩展名与内容不符",
        "The extension does not fit the content",
        "请把扩展名改为内容的真实类型。",
        "Name the file after what it really is.",
    ),
    "office_encrypted": Reason(
        "文档设有打开密码", "The document needs a password", "请去掉密码。", "Remove the password."
    ),
    "zip_broken": Reason("压缩包已损坏", "The archive is broken", *_AGAIN),
    "zip_bomb": Reason(
        "压缩包展开后过大、条目过多，或所报大小不实",
        "Unpacked, the archive is too large, has too many entries, or lies about sizes",
        *_SMALLER,
    ),
    "zip_nested": Reason(
        "压缩包嵌套过深，或内层文件过大",
        "Archives are nested too deep, or an inner file is too large",
        "请把内层文件取出来单独上传。",
        "Take the inner file out and upload it by itself.",
    ),
    "zip_path": Reason("条目名指向别处", "An entry's name leads elsewhere", *_AGAIN),
    "zip_link": Reason("条目不是普通文件", "An entry is a link or a device", *_AGAIN),
    "zip_duplicate": Reason("条目重名", "Two entries have the same name", *_AGAIN),
    "zip_encrypted": Reason(
        "压缩包已加密", "The archive is encrypted", "请去掉密码。", "Remove the password."
    ),
    "zip_method": Reason(
        "不支持的压缩方法",
        "The compression is not supported",
        "请用普通 zip（Deflate）重新压缩。",
        "Pack it again as plain zip (deflate).",
    ),
    "xml_entities": Reason("XML 中有 DTD 或实体", "The XML has a DTD or entities", *_AGAIN),
    "xml_broken": Reason(
        "XML 有误，或编码不是 UTF-8、UTF-16",
        "The XML is broken, or neither UTF-8 nor UTF-16",
        *_AGAIN,
    ),
    "macros": Reason(
        "含宏、控件或嵌入的程序对象", "It holds macros, controls or embedded objects", *_PLAIN
    ),
    "remote_content": Reason(
        "文档打开时会从网上装入内容",
        "Opened, the document would load content from a network",
        *_PLAIN,
    ),
    "image_too_large": Reason(
        "图片像素过多",
        "The image has too many pixels",
        "请以 300 dpi 重新扫描，或缩小图片。",
        "Scan it again at 300 dpi, or scale it down.",
    ),
    "image_broken": Reason("图片已损坏", "The image is broken", *_RESAVE),
    "pdf_broken": Reason("PDF 已损坏", "The PDF is broken", *_PRINT),
    "pdf_encrypted": Reason("PDF 已加密", "The PDF is encrypted", *_PRINT),
    "pdf_active": Reason(
        "PDF 含脚本、启动程序、XFA 表单或打开即执行的动作",
        "The PDF has scripts, launches programs, has an XFA form, or acts when opened",
        *_PRINT,
    ),
    "too_many_pages": Reason("页数过多", "There are too many pages", *_SMALLER),
    "polyglot": Reason(
        "文件同时是另一种文件，或末尾附有别的数据",
        "The file is also another kind of file, or carries data after its end",
        *_RESAVE,
    ),
}


def refusal(code: str, place: str = "", value: object = None) -> UploadRefused:
    """Return the error for `code`; `place` is the entry inside an archive."""
    zh, en, hint_zh, hint_en = REASONS[code]
    return UploadRefused(code, zh, en, hint_zh=hint_zh, hint_en=hint_en, place=place, value=value)
