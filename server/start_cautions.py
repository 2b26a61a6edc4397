"""What is said at the start, and by the doctor, of settings that are allowed and yet are hardly meant."""

from __future__ import annotations

from server import store_urls
from server.settings import Settings

_HERE = ("127.0.0.1", "::1", "localhost")


def cautions(settings: Settings) -> list[str]:
    """What a service may start with, and yet is hardly meant: sentences at the start and by the doctor."""
    sentences = []
    real = [
        appid
        for appid in (settings.oa_appid, settings.mp_appid)
        if appid and not appid.startswith("wxsandbox")
    ]
    if not settings.is_production and real:
        sentences.append(
            "XCERT_ENV 是 development，填的却是正式的微信账号：开发密钥会被接受，多项保护没有启用；"
            "对外服务请设 XCERT_ENV=production"
        )
    is_local = settings.host in _HERE
    if settings.public_url.startswith("https://") and is_local and not settings.proxies:
        sentences.append(
            "XCERT_PUBLIC_URL 是 https，服务只在本机监听，前面应有反向代理，XCERT_PROXIES 却是 0："
            "所有来访者会被当作同一个地址，共用一份限额；请填代理的层数"
        )
    if settings.is_production and not settings.contact:
        sentences.append(
            "没有填 XCERT_CONTACT：考生的手机页面和核验页写不出评价组织的服务电话，有疑问的人找不到您"
        )
    return sentences + (_in_the_clear(settings) if settings.is_production else [])


def _in_the_clear(settings: Settings) -> list[str]:
    """Of connections to other machines that nobody has to encrypt."""
    sentences = []
    for setting, url in (
        ("XCERT_DATABASE_URL", settings.database_url),
        ("XCERT_DATABASE_SESSION_URL", settings.database_session_url),
    ):
        if _leaves(url, 5432) and store_urls.words_of(url).get("sslmode") not in store_urls.ENCRYPTED:
            sentences.append(
                f"{setting} 指向别的机器而没有要求加密：数据会在网络上明文传送，请加上 sslmode=verify-full（见 docs/operate.md“数据库的地址”）"
            )
    if _leaves(settings.redis_url, 6379) and not settings.redis_url.startswith("rediss"):
        sentences.append("XCERT_REDIS_URL 指向别的机器而没有加密：请用 rediss://，除非这段网络只有自己的机器")
    return sentences + _unchecked(settings.redis_url)


def _unchecked(url: str) -> list[str]:
    """Of an encrypted Redis whose certificate nobody looks at: whoever stands between reads and writes along."""
    if not url.startswith("rediss") or not _leaves(url, 6379):
        return []
    words = {name: value.lower() for name, value in store_urls.words_of(url).items()}
    loose = [
        f"{name}={words[name]}"
        for name, safe in (("ssl_cert_reqs", ("required",)), ("ssl_check_hostname", ("true", "yes", "1")))
        if name in words and words[name] not in safe
    ]
    if not loose:
        return []
    return [
        f"XCERT_REDIS_URL 写着 {'、'.join(loose)}：加密了，却不核对对方的证书，站在中间的人照样读得到、改得了；"
        "请去掉它，自己的 CA 填 XCERT_REDIS_CERTIFICATES"
    ]


def _leaves(url: str, port: int) -> bool:
    """Whether a connection leaves this machine."""
    return any(host not in ("", *_HERE) for host, _ in store_urls.hosts_of(url, port))
