# What the token of a node of Rondo may do (CONSUL_TOKEN_FILE): register itself, see the others, and keep the cluster
# document by compare-and-swap. Nothing else in Consul is its business.
service "rondo" {
  policy = "write"
}
key_prefix "rondo/" {
  policy = "write"
}
node_prefix "" {
  policy = "read"
}
agent_prefix "" {
  policy = "read"
}
