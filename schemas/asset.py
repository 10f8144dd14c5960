"""One object under maintenance: its identity, database, host, nodes and people."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.fields import Choice, Part, field, rule
from schemas.problems import Problem, error
from schemas.values import Amount, Count, Day, DigitsText, Email, Flag, Ip, Name, Port
from schemas.vocabulary import DbType


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


# Deployments that need at least two nodes.
CLUSTERED = frozenset({DeployMode.rac, DeployMode.mgr, DeployMode.distributed})


class HostDisk(Part):
    """One kind of disk of a host."""

    type: Name = field("磁盘类型", "Disk type")
    raid: Name | None = field("RAID", "RAID", None)
    capacity_gb: Amount = field("容量", "Capacity", unit="GB")


class Location(Part):
    """Where a host stands."""

    room: Name | None = field("机房", "Room", None)
    rack: Name | None = field("机柜", "Rack", None)
    unit: Name | None = field("U 位", "Rack unit", None)


class Node(Part):
    """One node of a cluster or of a primary with standbys."""

    hostname: Name = field("节点主机名", "Host name")
    ip: Ip = field("节点 IP", "IP")
    role: Name | None = field("节点角色", "Role", None)
    zone: Name | None = field("区域", "Zone", None)


class Admin(Part):
    """One person who looks after the object every day (handbook 2.A.1)."""

    name: Name = field("姓名", "Name")
    org: Name | None = field("单位", "Organisation", None)
    duty: Duty | None = field("职责", "Duty", None)
    rank: AdminRank | None = field("主备", "Primary or backup", None)
    phone: DigitsText | None = field("电话", "Phone", None)
    email: Email | None = field("邮箱", "E-mail", None)


class AssetObject(Part):
    """One object under maintenance."""

    asset_no: Name = field("资产编号", "Asset no.", section="identity", aliases=("编号", "资产号"))
    server_name: Name = field(
        "服务器名称",
        "Server name",
        section="identity",
        aliases=("主机名", "主机名称", "hostname", "设备名称"),
    )
    business_system: Name = field(
        "业务系统", "Business system", section="identity", aliases=("系统名称", "所属系统")
    )
    env: Environment | None = field(
        "环境", "Environment", None, section="identity", aliases=("环境类型",)
    )
    importance: Importance | None = field(
        "重要程度", "Importance", None, section="identity", aliases=("重要性", "系统等级")
    )
    state: AssetState | None = field(
        "使用状态", "State", None, section="identity", aliases=("运行状态",)
    )

    db_type: DbType = field(
        "数据库类型", "Database", section="database", aliases=("库类型", "DB类型")
    )
    db_type_name: Name | None = field("数据库名称", "Database product", None, section="database")
    db_version: Name = field(
        "数据库版本", "Version", section="database", aliases=("版本号", "版本")
    )
    patch_level: Name | None = field(
        "补丁级别", "Patch level", None, section="database", aliases=("补丁", "补丁版本")
    )
    deploy_mode: DeployMode | None = field(
        "部署方式", "Deployment", None, section="database", aliases=("部署模式", "架构")
    )
    instance_name: Name | None = field(
        "实例名", "Instance", None, section="database", aliases=("实例", "SID")
    )
    service_name: Name | None = field("服务名", "Service name", None, section="database")
    port: Port | None = field(
        "端口", "Port", None, section="database", aliases=("端口号", "监听端口")
    )
    charset: Name | None = field("字符集", "Character set", None, section="database")
    data_size_gb: Amount | None = field(
        "数据量", "Data size", None, unit="GB", section="database", aliases=("数据大小",)
    )
    log_archive: Flag | None = field(
        "归档模式", "Log archiving", None, section="database", aliases=("是否归档", "归档")
    )

    ips: list[Ip] = field(
        "IP 地址",
        "IP addresses",
        section="host",
        min_length=1,
        aliases=("IP", "IP地址", "业务IP", "管理IP"),
    )
    vip: Ip | None = field("虚拟 IP", "Virtual IP", None, section="host", aliases=("VIP", "浮动IP"))
    os_name: Name | None = field(
        "操作系统", "Operating system", None, section="host", aliases=("OS",)
    )
    os_version: Name | None = field("操作系统版本", "OS version", None, section="host")
    host_type: HostType | None = field(
        "主机类型", "Host type", None, section="host", aliases=("服务器类型",)
    )
    vendor_model: Name | None = field(
        "厂商型号", "Vendor and model", None, section="host", aliases=("品牌型号", "型号")
    )
    serial_no: DigitsText | None = field(
        "序列号", "Serial no.", None, section="host", aliases=("SN", "设备序列号")
    )
    cpu_model: Name | None = field("CPU 型号", "CPU model", None, section="host")
    cpu_arch: CpuArch | None = field("CPU 架构", "CPU architecture", None, section="host")
    cpu_sockets: Count | None = field("CPU 颗数", "CPU sockets", None, section="host")
    cpu_cores: Count = field(
        "CPU 核数", "CPU cores", section="host", ge=1, aliases=("CPU", "CPU核数", "处理器")
    )
    memory_gb: Amount = field(
        "内存",
        "Memory",
        unit="GB",
        section="host",
        gt=0,
        aliases=("内存", "内存大小(GB)", "内存大小"),
    )
    disks: list[HostDisk] = field("磁盘", "Disks", [], section="host", aliases=("硬盘",))
    storage: Name | None = field("存储", "Storage", None, section="host", aliases=("外置存储",))
    location: Location | None = field(
        "位置", "Location", None, section="host", aliases=("机房位置",)
    )
    warranty_to: Day | None = field(
        "维保到期日", "Warranty to", None, section="host", aliases=("质保到期", "过保日期")
    )

    nodes: list[Node] = field("节点", "Nodes", [], section="nodes", aliases=("集群节点",))
    admins: list[Admin] = field(
        "日常管理人员",
        "Administrators",
        section="admins",
        min_length=1,
        aliases=("管理员", "责任人", "负责人", "联系人"),
    )

    @rule("db_type", "db_type_name")
    def other_has_a_name(self) -> Iterator[Problem]:
        """Demand the product's name where it is none of the listed ones."""
        if self.db_type is DbType.other and not self.db_type_name:
            yield error("db_type_name", "name_of_other_required", self.db_type)

    @rule("deploy_mode", "nodes")
    def cluster_has_nodes(self) -> Iterator[Problem]:
        """Demand at least two nodes of what is a cluster by its nature."""
        if self.deploy_mode in CLUSTERED and len(self.nodes) < 2:
            yield error("nodes", "too_few_nodes", len(self.nodes), mode=self.deploy_mode)

    @rule("ips")
    def addresses_are_unique(self) -> Iterator[Problem]:
        """Refuse an address that the object lists twice."""
        for index, ip in enumerate(self.ips):
            if (first := self.ips.index(ip)) < index:
                yield error(("ips", index), "duplicate", ip, first=f"ips[{first}]")

    @rule("nodes")
    def nodes_are_unique(self) -> Iterator[Problem]:
        """Refuse two nodes with one address."""
        seen: dict[str, int] = {}
        for index, node in enumerate(self.nodes):
            first = seen.setdefault(node.ip, index)
            if first != index:
                yield error(("nodes", index, "ip"), "duplicate", node.ip, first=f"nodes[{first}]")
