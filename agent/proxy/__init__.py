"""Services and EndpointSlices rendered to iptables text, whole and sorted, and handed to the kernel."""
