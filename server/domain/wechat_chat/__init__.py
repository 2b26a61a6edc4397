"""What people and WeChat say to us in the accounts' chats, and what we answer, once and in time."""
