# What every Consul server of a Rondo cluster has; README.md in infra/ says what stands beside it.
server     = true
datacenter = "dc1"
log_level  = "INFO"
ui         = true

# Nodes hold a blocking query each, and a node asks for several things at once; the default, 200, is for one machine.
limits {
  http_max_conns_per_client = 1000
}

performance {
  # The timing for production machines; the default is for the smallest.
  raft_multiplier = 1
}

dns_config {
  # As many as the balancer has places for. It asks with EDNS, so that they all fit into one answer.
  udp_answer_limit = 20
  # Without a leader, what was known last is a better answer than none.
  allow_stale = true
}

telemetry {
  prometheus_retention_time = "60s"
  disable_hostname          = true
}
