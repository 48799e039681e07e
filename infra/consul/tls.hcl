# Beside server.hcl where machines talk over a network: servers show each other certificates of one authority, made for
# server.dc1.consul, and HTTP is HTTPS on port 8501. Nodes check it against CONSUL_CA_FILE; they show none, they have a token.
verify_incoming_rpc    = true
verify_outgoing        = true
verify_server_hostname = true
ca_file                = "/etc/consul.d/tls/ca.pem"
cert_file              = "/etc/consul.d/tls/server.pem"
key_file               = "/etc/consul.d/tls/server.key"
ports {
  http  = -1
  https = 8501
}
