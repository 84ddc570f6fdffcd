"""Motion driven live: to avatars (VMC), to browsers (WebSocket), to robots and scripts (lines on standard output).

`link.Live` is the door. What is sent leaves from a process of its own, so that the language model cannot delay it.
"""
