"""WeChat for people without WeChat: a second HTTP server that plays the platform, and a phone in the browser.

It knows nothing of the service it serves: accounts, a URL to push to and WeChat's own rules are all it has.
"""
