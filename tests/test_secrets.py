"""Credentials are found and masked, what only looks like one is left, and no text makes it slow."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.checklists import checklist, engines
from schemas.secrets import (
    MASK,
    first_secret,
    is_secret_name,
    mask_all,
    masked,
    secret_problems,
    secrets_in,
)
from tests.sizes import FULL

MIB = 1024 * 1024

SECRETS = {
    "alter user scott identified by Abc#123": "Abc#123",
    "CREATE USER a IDENTIFIED WITH mysql_native_password BY 'Abc#123'": "Abc#123",
    'CREATE USER a IDENTIFIED BY "Abc 123;x"': "Abc 123;x",
    "identified by values 'S:12AB'": "S:12AB",
    "password=abc": "abc",
    "--password=abc123": "abc123",
    "MYSQL_ROOT_PASSWORD=root123": "root123",
    "spring.datasource.password: hunter2": "hunter2",
    "PGPASSWORD=abc psql": "abc",
    '{"password": "Ab,c12"}': "Ab,c12",
    "WITH PASSWORD = N'Abc#123'": "Abc#123",
    "create role a password 'abc'": "abc",
    "SET PASSWORD FOR x = PASSWORD('abc')": "abc",
    "密码: Abc#123": "Abc#123",
    "口令为Abc#123，请妥善保管": "Abc#123",
    "密码已重置为 Abc@2026。": "Abc@2026",
    "mysqldump -uroot -pAbc123 db > x": "Abc123",
    "mysql -u root -p'Abc 123' db": "'Abc 123'",
    "mysqldump --user root --password Abc123 db": "Abc123",
    "sqlcmd -S . -U sa -P Abc123": "Abc123",
    "redis-cli -h x -a s3cret ping": "s3cret",
    "sshpass -p abc ssh x": "abc",
    "gsql -U omm -W Gauss_123": "Gauss_123",
    "curl -u admin:abc http://x": "abc",
    "jdbc:mysql://root:Abc#12@10.1.1.1:3306/x": "Abc#12",
    "postgresql://app:p%40ss@h/db": "p%40ss",
    "redis://:s3cret@10.1.1.1": "s3cret",
    "sqlplus scott/tiger@orcl": "tiger",
    "sqlplus -s system/manager": "manager",
    "conn sys/oracle as sysdba": "oracle",
    "rman target sys/oracle@dg": "oracle",
    "scott/tiger@10.1.1.2:1521/orcl": "tiger",
    "disql SYSDBA/SYSDBA001@localhost:5236": "SYSDBA001",
    "exp system/manager file=a.dmp": "manager",
    "expdp system/manager directory=d": "manager",
    "access_key: AKIAABCDEFGHIJKLMNOP": "AKIAABCDEFGHIJKLMNOP",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEabc\n": "\nMIIEabc\n",
}

HARMLESS = """\
PASSWORD_LIFE_TIME=180
FAILED_LOGIN_ATTEMPTS=10，PASSWORD_LOCK_TIME=1
tar -p
tar -xpf a.tar && mkdir -p /backup/mysql
rsync -avz -p a b
ssh -p 22 host
ps -p 1234
password_policy
password_policy: 复杂度
password_encryption=scram-sha-256
remote_login_passwordfile=EXCLUSIVE
validate_password=ON
default_password: no
http://10.1.1.1:8080/a
http://10.1.1.1:8080/find?mail=a@b.cn
http://[::1]:80/
a/b
docs/readme@v1.2
actions/checkout@v4
2026/03/07
2026-03-07 10:00:00
zhang/li@corp.com
zhang@corp.com
root@localhost
实例/库名 db1/app@生产
10.0.0.1/24@eth0
密码: 已交客户保管
密码：无
密码：******
密码为 180 天到期
密码为8-16位
密码长度不少于 8 位
密码策略：90天
密码 由客户 DBA 保管
Enter password:
mysql -uroot -p
mysql -uroot -p******
mysql -u root -P 3306 -h x
mysql -u root -p --single-transaction
identified by ******
identified by the auditor
identified by <密码>
password=<your password>
password=${DB_PWD}
password: required
ORA-28001: the password has expired
ALTER USER x PASSWORD EXPIRE
sqlplus / as sysdba
sqlplus -v /u01/app/oracle
connect to client/server
cat: /etc/passwd: No such file
PWD=/home/oracle
OLDPWD=/root
unexpected token: SELECT
select username, password_versions from dba_users
select password from x where a='1'
sys_password
exp(1)/log""".splitlines()


@pytest.mark.parametrize("text", SECRETS)
def test_a_credential_is_found_and_masked_whole(text: str) -> None:
    (span,) = secrets_in(text)
    assert text[slice(*span)] == SECRETS[text]
    assert masked(text) == text.replace(SECRETS[text], MASK)
    assert not secrets_in(masked(text))
    assert first_secret(text) == span[0]


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_like_one_is_left(text: str) -> None:
    assert masked(text) == text


def test_a_prompt_does_not_take_the_next_line() -> None:
    assert not secrets_in("Enter password:\nWelcome to the MySQL monitor.")


def test_several_in_one_text() -> None:
    text = "密码：Abc#123\nmysql -pXyz1 db\nsqlplus a/bcd1@orcl"
    assert masked(text) == f"密码：{MASK}\nmysql -p{MASK} db\nsqlplus a/{MASK}@orcl"


def test_a_letter_that_grows_in_lower_case_moves_nothing() -> None:
    assert masked("İİİ password=abc") == f"İİİ password={MASK}"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("password", True),
        ("db_password", True),
        ("Passwd", True),
        ("api-key", False),
        ("api_key", True),
        ("初始密码", True),
        ("default_password", False),
        ("password_policy", False),
        ("key", False),
        ("sql_id", False),
    ],
)
def test_names_that_hold_credentials(name: str, expected: bool) -> None:
    assert is_secret_name(name) is expected


def test_problems_name_the_field_and_never_the_secret() -> None:
    data = {"a": ["x", {"note": "before; identified by Abc#123 after"}], "password": "Abc#123"}
    problems = list(secret_problems(data))
    assert [problem.place for problem in problems] == ["a[1].note", "password"]
    assert {problem.code for problem in problems} == {"secret"}
    assert "Abc#123" not in "".join(str(problem.as_json()) for problem in problems)


def test_masking_goes_through_lists_objects_and_names() -> None:
    data = {"a": ["密码：Abc#123", 1, None], "db_pwd": "Abc#123", "default_password": "no"}
    assert mask_all(data) == {
        "a": [f"密码：{MASK}", 1, None],
        "db_pwd": MASK,
        "default_password": "no",
    }


def test_no_check_list_holds_one() -> None:
    for engine in engines():
        assert not list(secret_problems([checklist(engine, "zh"), checklist(engine, "en")]))


HOSTILE = [
    "mysql ",
    "mysql -p*\n",
    "a/",
    "://",
    "://a:",
    "password",
    "password ",
    "password=null ",
    "password='",
    "identified with ",
    "identified by\t",
    "a.a.",
    "$a$a",
    " -p* ",
    " ",
    "密码为",
    "x/y/z@",
    "a/bcd@",
    "sqlplus a/",
    "connect -a -a ",
    "curl -u a:",
    "-----BEGIN PRIVATE KEY-----",
]
EVERY_PATTERN = (
    "password identified :// @ mysql mongo sqlcmd -P redis-cli -a gsql -W curl -u --password 密码 "
    "private key akia sqlplus exp userid= "
)


@pytest.mark.parametrize("piece", HOSTILE)
def test_long_hostile_text_is_quick(piece: str) -> None:
    text = EVERY_PATTERN + piece * ((4 if FULL else 1) * MIB // len(piece))
    began = time.process_time()
    first_secret(text)
    assert time.process_time() - began < 30  # a tenth of one; a search that backtracks takes hours


def test_masking_many_is_quick() -> None:
    text = "password=abc " * 100_000
    began = time.process_time()
    assert masked(text) == f"password={MASK} " * 100_000
    assert time.process_time() - began < 30


@given(st.text())
def test_masking_is_final(text: str) -> None:
    assert not secrets_in(masked(text))


@given(st.text(alphabet="pasword=: '\"-p@/mysql密码为abc123*\n", max_size=60))
def test_masking_is_final_for_texts_close_to_secrets(text: str) -> None:
    once = masked(text)
    assert masked(once) == once
