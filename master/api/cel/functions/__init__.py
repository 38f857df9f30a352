"""The libraries of functions, a file each: CEL's own, its extensions that Kubernetes enables, and what Kubernetes adds."""
