"""Enumerations that more than one record type uses."""

from __future__ import annotations

from schemas.fields import Choice


class Phase(Choice):
    """Phase of the contract (handbook 2)."""

    onboarding = "onboarding", "导入期", "Onboarding"
    service = "service", "服务期", "Service"
    closing = "closing", "结束期", "Closing"


class Role(Choice):
    """People of the service and of the customer (`workflow.md`)."""

    engineer = "engineer", "驻场工程师", "On-site engineer"
    expert = "expert", "技术专家", "Technical expert"
    pm = "pm", "项目经理", "Project manager"
    leader = "leader", "公司领导", "Company leader"
    admin = "admin", "管理员", "Administrator"
    cust_owner = "cust_owner", "客户负责人", "Customer owner"
    cust_contact = "cust_contact", "客户联系人", "Customer contact"
    cust_coord = "cust_coord", "客户协调人", "Customer coordinator"
    cust_noc = "cust_noc", "网络监控", "Network monitoring"
    vendor = "vendor", "厂商", "Vendor"


class DbType(Choice):
    """Database products; `other` asks for a name."""

    oracle = "oracle", "Oracle", "Oracle"
    mysql = "mysql", "MySQL", "MySQL"
    postgresql = "postgresql", "PostgreSQL", "PostgreSQL", "", "postgres", "pg"
    sqlserver = "sqlserver", "SQL Server", "SQL Server", "", "mssql"
    dm = "dm", "达梦", "Dameng", "", "dm8", "达梦数据库"
    oceanbase = "oceanbase", "OceanBase", "OceanBase"
    gaussdb = "gaussdb", "GaussDB", "GaussDB"
    opengauss = "opengauss", "openGauss", "openGauss"
    tidb = "tidb", "TiDB", "TiDB"
    kingbase = "kingbase", "人大金仓", "KingbaseES", "", "金仓", "kingbasees"
    gbase8s = "gbase8s", "GBase 8s", "GBase 8s", "", "gbase"
    db2 = "db2", "Db2", "Db2"
    mongodb = "mongodb", "MongoDB", "MongoDB", "", "mongo"
    redis = "redis", "Redis", "Redis"
    other = "other", "其他", "Other"


class Method(Choice):
    """Where the work is done."""

    onsite = "onsite", "现场", "On site"
    remote = "remote", "远程", "Remote"


class Level(Choice):
    """Risk, impact or severity in three steps."""

    high = "high", "高", "High", "bad"
    medium = "medium", "中", "Medium", "warn"
    low = "low", "低", "Low"


class CheckState(Choice):
    """What a check found."""

    normal = "normal", "正常", "Normal", "good"
    attention = "attention", "关注", "Attention", "warn"
    abnormal = "abnormal", "异常", "Abnormal", "bad"
    not_checked = "not_checked", "未检查", "Not checked", "muted"
    not_applicable = "not_applicable", "不适用", "Not applicable", "muted"


class ParamScope(Choice):
    """Where a changed parameter takes effect."""

    memory = "memory", "内存", "Memory"
    spfile = "spfile", "参数文件", "Parameter file", "", "文件", "file"
    both = "both", "内存和参数文件", "Memory and file", "", "全部"


class AbsenceState(Choice):
    """Why a list that should have rows has none."""

    none = "none", "无", "None"
    not_collected = "not_collected", "未采集", "Not collected", "warn"


class ServiceMode(Choice):
    """How a customer came to us."""

    phone = "phone", "电话", "Phone", "", "电话服务", "来电"
    email = "email", "电子邮件", "E-mail", "", "邮件", "邮箱", "电子邮件服务"
    other = "other", "其他", "Other"


class TicketClass(Choice):
    """Class of a ticket (handbook 6); 资讯类 is the handbook's slip of the pen, never printed."""

    consultation = "consultation", "咨询类", "Consultation", "", "资讯类", "咨询", "咨询类问题"
    defect = (
        "defect",
        "系统缺陷类",
        "Defect",
        "",
        "缺陷",
        "BUG",
        "缺陷类",
        "系统缺陷",
        "系统缺陷类问题",
    )
