"""Live output to avatars (VMC), browsers (WebSocket), robots and scripts (lines of JSON).

`link.Live` starts it. A process of its own sends, so that the language model cannot delay it.
"""
