"""Enumerations of the asset archive."""

from __future__ import annotations

from schemas.fields import Choice


class Environment(Choice):
    """What an object is used for."""

    production = "production", "生产", "Production", "", "生产环境", "prod"
    dr = "dr", "灾备", "Disaster recovery", "", "容灾", "灾备环境"
    staging = "staging", "预生产", "Staging", "", "准生产", "uat"
    test = "test", "测试", "Test", "", "测试环境"
    dev = "dev", "开发", "Development", "", "开发环境"


class Importance(Choice):
    """How much depends on an object."""

    core = "core", "核心", "Core"
    important = "important", "重要", "Important"
    normal = "normal", "一般", "Normal", "", "普通"


class AssetState(Choice):
    """Whether an object is in use."""

    active = "active", "在用", "In use", "good", "运行", "使用中"
    stopped = "stopped", "停用", "Stopped", "warn"
    retired = "retired", "下线", "Retired", "muted", "已下线"


class DeployMode(Choice):
    """How a database is deployed."""

    standalone = "standalone", "单机", "Standalone", "", "单实例"
    primary_standby = (
        "primary_standby",
        "主备",
        "Primary and standby",
        "",
        "主从",
        "ADG",
        "DataGuard",
    )
    one_primary_many_standbys = (
        "one_primary_many_standbys",
        "一主多从",
        "One primary, many standbys",
    )
    rac = "rac", "RAC", "RAC", "", "Oracle RAC"
    mgr = "mgr", "MGR", "MGR", "", "组复制"
    always_on = "always_on", "Always On", "Always On"
    dsc = "dsc", "DSC", "DSC", "", "DMDSC"
    distributed = "distributed", "分布式", "Distributed"


class HostType(Choice):
    """What kind of machine a host is."""

    physical = "physical", "物理机", "Physical", "", "物理服务器"
    vm = "vm", "虚拟机", "Virtual machine"
    container = "container", "容器", "Container"
    cloud = "cloud", "云", "Cloud", "", "云主机"
    appliance = "appliance", "一体机", "Appliance"


class CpuArch(Choice):
    """Processor architectures."""

    x86_64 = "x86_64", "x86_64", "x86_64", "", "x86", "amd64", "intel"
    kunpeng = "kunpeng", "鲲鹏", "Kunpeng"
    phytium = "phytium", "飞腾", "Phytium"
    hygon = "hygon", "海光", "Hygon"
    loongson = "loongson", "龙芯", "Loongson"
    power = "power", "Power", "Power", "", "ppc64", "ppc64le"


class Duty(Choice):
    """What a person looks after."""

    dba = "dba", "数据库", "Database", "", "DBA"
    os = "os", "系统", "System", "", "操作系统", "主机"
    network = "network", "网络", "Network"
    app = "app", "应用", "Application"


class AdminRank(Choice):
    """Who is called first."""

    primary = "primary", "主", "Primary", "", "主管理员", "A角"
    backup = "backup", "备", "Backup", "", "备管理员", "B角"
