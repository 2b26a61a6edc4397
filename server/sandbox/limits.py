"""Every number of WeChat's that the sandbox holds its callers to (wechat.md), in one place."""

from __future__ import annotations

# access tokens (wechat.md §2)
TOKEN_SECONDS = 7200
TOKEN_OVERLAP_SECONDS = 300
TOKEN_LENGTH = 512
FORCE_REFRESH_A_DAY = 20
FORCE_REFRESH_GAP_SECONDS = 30
PLAIN_TOKENS_A_DAY = 2000
STABLE_TOKENS_A_MINUTE = 10_000
STABLE_TOKENS_A_DAY = 500_000
CLEAR_QUOTA_A_MONTH = 10
CLEAR_ONE_QUOTA_A_MONTH = 50  # DOC 《重置指定API调用次数》
RID_SECONDS = 7 * 86400
TOKEN_WORD = (3, 32)
AES_KEY_LENGTH = 43

# codes of wx.login, OAuth and the phone button (§3.1, §4.1, §4.2)
CODE_SECONDS = 300
WEB_TOKEN_SECONDS = 7200
REFRESH_TOKEN_SECONDS = 30 * 86400
STATE_BYTES = 128
AUTHORIZE_PAGE_SECONDS = 600
WEB_TOKENS_A_MINUTE = 50_000
LOGINS_A_MINUTE = 100

# JS-SDK (§3.2)
TICKET_SECONDS = 7200
JS_DOMAINS = 5

# pushes (§1.4)
PUSH_SECONDS = 5.0
PUSH_RETRIES = 3
PUSH_BLOCK_SECONDS = 60
PORTS = (80, 443)
REPLY_TEXT_BYTES = 2048
REPLY_ARTICLES_FOR_MESSAGES = 1
REPLY_ARTICLES = 8

# customer-service messages (§6.5): seconds and how many messages; None: any number
WINDOWS: dict[str, tuple[int, int | None]] = {
    "message": (48 * 3600, 5),
    "tap": (60, 3),
    "payment": (48 * 3600, None),
    "mp_message": (48 * 3600, 5),
    "mp_enter": (60, 2),
}
MESSAGE_MENU_ITEMS = 50

# temporary media (DOC 《新增临时素材》): bytes and formats by type
MATERIAL_MOST = {"image": 100_000, "voice": 1_000, "video": 1_000, "thumb": 1_000}
MATERIAL_A_PAGE = 20
MEDIA_SECONDS = 3 * 86400
MEDIA_BYTES = {"image": 10 * 2**20, "voice": 2 * 2**20, "video": 10 * 2**20, "thumb": 64 * 2**10}

# followers (§6.4)
FOLLOWERS_A_PAGE = 10_000
FOLLOWERS_AT_ONCE = 100
TAGS_MOST = 100
TAGS_A_PERSON = 20
TAG_NAME_LENGTH = 30
TAGGED_AT_ONCE = 50
REMARK_LENGTH = 30

# kept data (§6.3)
KEPT_DATA_BYTES = 4096
KEPT_DATA_KEY_LENGTH = 15

# menu (§6.1), in bytes
CONDITIONAL_MENUS = 100
MENU_BUTTONS = 3
MENU_SUB_BUTTONS = 5
MENU_NAME_BYTES = 16
MENU_SUB_NAME_BYTES = 60
MENU_KEY_BYTES = 128
MENU_URL_BYTES = 1024

# parametric QR (§6.2)
QR_SECONDS_MOST = 2_592_000
QR_SECONDS_DEFAULT = 30
QR_SCENE_STR_LENGTH = 64
QR_LIMIT_SCENE_MOST = 100_000

# mini-program codes and links (§4.3)
SCENE_LENGTH = 32
CODE_WIDTH = (280, 1280)
CODE_WIDTH_DEFAULT = 430
CODES_A_MINUTE = 5000
LINK_QUERY_LENGTH = 1024
LINK_DAYS = 30
LINKS_A_DAY = 500_000  # URL links and schemes together
LINK_OPENS_A_DAY = 6_000_000
LINK_EXTRA_LENGTH = 256
UNCHECKED_PAGES_MOST = 60_000
LIMITED_CODES_MOST = 100_000
LIMITED_CODE_PATH = {"/wxa/getwxacode": 1024, "/cgi-bin/wxaapp/createwxaqrcode": 128}
FREE_PHONE_NUMBERS = 1000

# ordinary links (§4.4)
RULES_MOST = 100
RULE_TEST_LINKS = 5
RULES_A_SECOND = 5
RULES_PUBLISHED_A_MONTH = 100

# subscription messages (§4.5)
SUBSCRIBE_IDS = 5

# template messages (§5)
CLIENT_MSG_SECONDS = 600
SEND_TEMPLATE_A_DAY = 100_000
TEMPLATE_VALUE_SHOWN = 20
TEMPLATES_MOST = 25
TEMPLATE_KEYWORDS = (2, 5)
SCENE_DESCRIPTION_LENGTH = 15
TITLES_A_PAGE = 30

# what a new account may do in a day (§2)
A_DAY = {
    "/cgi-bin/menu/create": 1_000,
    "/cgi-bin/menu/get": 10_000,
    "/cgi-bin/menu/delete": 1_000,
    "/cgi-bin/message/custom/send": 500_000,
    "/cgi-bin/message/template/send": SEND_TEMPLATE_A_DAY,
    "/cgi-bin/message/subscribe/send": 10_000_000,
    "/cgi-bin/qrcode/create": 100_000,
    "/cgi-bin/user/get": 500,
    "/cgi-bin/user/info": 5_000_000,
    "/cgi-bin/media/upload": 100_000,
    "/cgi-bin/token": PLAIN_TOKENS_A_DAY,
    "/cgi-bin/stable_token": STABLE_TOKENS_A_DAY,
}
UNNUMBERED_A_DAY = 1_000_000_000  # where WeChat tells no figure
A_MINUTE = {
    "/cgi-bin/stable_token": STABLE_TOKENS_A_MINUTE,
    "/wxa/getwxacodeunlimit": CODES_A_MINUTE,
    "/sns/oauth2/access_token": WEB_TOKENS_A_MINUTE,
}

# where a person comes from who opens the mini-program (DOC 《场景值列表》)
SCENE_SUBSCRIPTION = 1014
SCENE_TEMPLATE_MESSAGE = 1043

# the sandbox's own
TIMELINE_ENTRIES = 3000
BODY_BYTES = 2 * 1024 * 1024
ECHO_BYTES = 8192
SHOWN_BYTES = 4000
PING_SECONDS = 1.0

LARGEST_TIME_STAMP_QUERY = 4096  # bytes; not WeChat's: see time_stamping.py

# a scenario, and the timeline as a file: the sandbox's own
SCENARIO_BYTES = 256 * 1024
SCENARIO_STEPS = 450
SCENARIO_BODY = 4_000
SCENARIO_PAUSE = 1800
SCENARIO_TITLE = 40
SCENARIOS = 50
NAME_LENGTH = 20
SETTLE_SECONDS = 30.0
SERVICE_SECONDS = 2.0
CLOCK_AHEAD = 600.0  # beyond the five minutes within which a signature holds
HAR_CHARACTERS = 8_000_000

# keys and certificates of WeChat Pay (§7.2, §7.7)
KEY_BITS = 2048
CERTIFICATE_DAYS = 5 * 365
