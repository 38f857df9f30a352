"""Ways into containers: exec, attach and port-forward between kubectl's protocols and containerd's streaming server.

Belongs here: SPDY/3.1 frames, the WebSocket channel protocols, the sessions that join them.  Does not: who may do it
(agent.api), which container it is (agent.pods).
"""
