"""What is refused to whoever comes with a signing link; all but `unknown` only to its owner."""

from __future__ import annotations

from docgen.errors import Conflict, InputUnreadable, NotAllowed, NotFound, Overloaded

_ASK = {"hint_zh": "请向发来链接的人索取新链接。", "hint_en": "Ask whoever sent it for a new one."}


def unknown() -> NotFound:
    """Say that no link has this token; nothing tells whether one ever had."""
    return NotFound(
        "link_unknown",
        "链接不存在或不完整",
        "There is no such link, or it is incomplete",
        hint_zh="请完整复制链接，或向发来链接的人索取新链接。",
        hint_en="Copy the whole link, or ask whoever sent it for a new one.",
    )


def expired() -> Conflict:
    """Say that the link's time is over."""
    return Conflict("link_expired", "链接已过期", "The link has expired", **_ASK)


def revoked() -> Conflict:
    """Say that the link was revoked."""
    return Conflict("link_revoked", "链接已撤销", "The link was revoked", **_ASK)


def replaced() -> Conflict:
    """Say that a newer link was sent."""
    return Conflict(
        "link_replaced",
        "链接已由新的链接代替",
        "A newer link has taken the place of this one",
        hint_zh="请使用最近收到的链接。",
        hint_en="Use the link that you received last.",
    )


def delegated(name: str) -> Conflict:
    """Say that the link's person has handed it on."""
    return Conflict(
        "link_delegated",
        f"已转交{name}签署",
        f"It was handed on to {name}",
        hint_zh="请由受托人使用新的链接；转错了请联系发来链接的人。",
        hint_en="The new link is for that person; ask whoever sent it if that was a mistake.",
    )


def used() -> Conflict:
    """Say that this version was signed through this link."""
    return Conflict(
        "link_used",
        "已经签署过",
        "It has been signed already",
        hint_zh="一份文档只签一次，无需再签。",
        hint_en="A document is signed once; nothing more is to be done.",
    )


def signed_by_another(name: str) -> Conflict:
    """Say that somebody else signed in the same role."""
    return Conflict(
        "link_role_signed",
        f"{name}已经以同一角色签署",
        f"{name} has signed in the same role",
        hint_zh="一个角色对一份文档只签一次。",
        hint_en="A role signs a document once.",
    )


def closed(zh: str, en: str) -> Conflict:
    """Say that the document is in a state in which nobody signs."""
    return Conflict(
        "link_document_closed",
        f"文档的状态为“{zh}”，不能签署",
        f"The document is “{en}” and cannot be signed",
        hint_zh="如有修订版，请使用修订版的链接。",
        hint_en="If there is a revision, use the link that was made for it.",
    )


def other_document() -> NotFound:
    """Say that the link does not reach that document."""
    return NotFound(
        "link_other_document",
        "此链接不包含这份文档",
        "This link does not include that document",
        hint_zh="请返回链接的首页。",
        hint_en="Go back to the link's first page.",
    )


def not_opened() -> Conflict:
    """Say that somebody would sign what was never shown to them."""
    return Conflict(
        "link_not_opened",
        "请先打开并阅读文档",
        "Open and read the document first",
    )


def code_needed() -> NotAllowed:
    """Say that the link alone does not do."""
    return NotAllowed(
        "link_code_needed",
        "请输入访问码",
        "Enter the access code",
        hint_zh="访问码由发来链接的人另行告知。",
        hint_en="Whoever sent the link tells the code by another way.",
    )


def code_wrong() -> NotAllowed:
    """Say that the code is wrong."""
    return NotAllowed(
        "link_code_wrong",
        "访问码不正确",
        "The access code is wrong",
        hint_zh="请核对后再试；连续 5 次错误将锁定。",
        hint_en="Check it and try again; five wrong ones lock the link.",
    )


class CodeLocked(Overloaded):
    """Too many wrong codes."""

    def __init__(self, retry_after_s: int) -> None:
        minutes = -(-retry_after_s // 60)
        super().__init__(
            "link_code_locked",
            f"访问码错误次数过多，已锁定，请 {minutes} 分钟后再试",
            f"Too many wrong codes; try again in {minutes} minutes",
            hint_zh="也可向发来链接的人索取新链接。",
            hint_en="Or ask whoever sent the link for a new one.",
        )
        self.retry_after_s = retry_after_s


def foreign() -> NotAllowed:
    """Say that the form was not the link's own page's."""
    return NotAllowed(
        "link_form_foreign",
        "请求不是由签署页面发出的",
        "The request was not made by the signing page",
        hint_zh="请重新打开链接后再试。",
        hint_en="Open the link again and retry.",
    )


def consent_missing() -> InputUnreadable:
    """Say that the statement was not confirmed."""
    return InputUnreadable(
        "link_consent_missing",
        "请先勾选同意电子签署的声明",
        "Confirm the statement on electronic signing first",
    )


def name_differs(name: str) -> InputUnreadable:
    """Say that the typed name is not the person's."""
    return InputUnreadable(
        "link_name_differs",
        f"输入的姓名应为“{name}”",
        f"The name to type is “{name}”",
        hint_zh="如果您不是此人，请用“转交同事”。",
        hint_en="If you are somebody else, hand the link on.",
    )


def comment_missing() -> InputUnreadable:
    """Say that a change is wanted, but not which."""
    return InputUnreadable(
        "link_comment_missing",
        "请写明需要修改什么，或为什么不同意",
        "Say what should change, or why you disagree",
    )


def signature_missing() -> InputUnreadable:
    """Say that nothing was drawn or typed."""
    return InputUnreadable(
        "link_signature_missing",
        "请手写签名，或输入姓名",
        "Draw your signature, or type your name",
    )


def opinion_missing() -> InputUnreadable:
    """Say that no opinion was chosen."""
    return InputUnreadable("link_opinion_missing", "请选择意见", "Choose an opinion")


def nothing_waiting() -> Conflict:
    """Say that nothing of the link can be signed any more."""
    return Conflict(
        "link_nothing_waiting",
        "此链接的文档都已签署或不能再签",
        "Nothing of this link can be signed any more",
        hint_zh="修订版请另建链接。",
        hint_en="Make another link for a revision.",
    )


def ended() -> Conflict:
    """Say to staff that the link is over already."""
    return Conflict(
        "link_ended",
        "链接已结束",
        "The link is over",
        hint_zh="请另建链接。",
        hint_en="Make another one.",
    )


def delegated_often() -> Conflict:
    """Say that a link is handed on no further."""
    return Conflict(
        "link_delegated_often",
        "转交次数已达上限",
        "It cannot be handed on any further",
        **_ASK,
    )


def other_contract() -> InputUnreadable:
    """Say that a visit's documents belong to one contract."""
    return InputUnreadable(
        "visit_other_contract",
        "一次现场签署的文档应属于同一合同",
        "The documents of a visit belong to one contract",
        place="documents",
    )


def named_twice() -> InputUnreadable:
    """Say that a visit lists a document twice."""
    return InputUnreadable(
        "visit_repeats",
        "同一份文档列了两次",
        "A document is listed twice",
        place="documents",
    )
