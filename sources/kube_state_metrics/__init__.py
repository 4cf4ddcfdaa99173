"""kube-state-metrics: the labels of Kubernetes pods."""
