"""mDNS: who is out there and who they claim to be.  Claims are hostile text until a key proves them."""
