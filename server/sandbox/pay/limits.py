"""Every number of WeChat Pay's that the sandbox holds its callers to (wechat.md §7)."""

from __future__ import annotations

CLOCK_SECONDS = 300
PREPAY_SECONDS = 7200
EXPIRE_LEAST_SECONDS = 60
EXPIRE_MOST_SECONDS = 90 * 86400
EXPIRE_DEFAULT_SECONDS = 7 * 86400

ORDERS_A_SECOND = 500
REFUNDS_A_SECOND = 150
FAILING_REFUNDS_A_SECOND = 6
REFUNDS_AN_ORDER = 50
REFUND_GAP_SECONDS = 60
REFUND_DAYS = 365

BILL_HOUR = 10  # in Beijing, the day after
BILL_DAYS = 92
BILL_LINK_SECONDS = 300
FEE_PER_TEN_THOUSAND = 60  # 0.60 %, the usual rate of a merchant; the sandbox's choice

# after the first notification: 15 more, the pauses in seconds (§7.3)
PAUSES = (15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10800, 10800, 10800, 21600, 21600)
DIRECTORIES = 5

# the sandbox's own
TICK_SECONDS = 0.05
CERTIFICATE_LEAD_SECONDS = 86400  # a rotated certificate is listed so long before it is used
