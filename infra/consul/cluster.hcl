# Beside server.hcl on three machines, one server each: any two of them are a majority. Every node of Rondo talks to the
# Consul agent of its own machine: where there is no server, a client agent with the same datacenter and `retry_join`.
bootstrap_expect = 3
retry_join       = ["consul1", "consul2", "consul3"]
# Clients of Consul (Rondo, HAProxy, people) come from this machine only.
client_addr      = "127.0.0.1"
