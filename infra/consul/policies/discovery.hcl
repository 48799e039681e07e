# What anybody may ask in DNS, HAProxy above all: where the nodes of Rondo are. For the anonymous token.
service "rondo" {
  policy = "read"
}
node_prefix "" {
  policy = "read"
}
