"""Live output to avatars (VMC), browsers (WebSocket), robots and scripts (lines of JSON).

`live_output.LiveOutput` starts it. A process of its own sends, so that the language model cannot
delay it.
"""
