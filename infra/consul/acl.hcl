# Beside server.hcl: nothing is allowed but what a token allows. README.md says how the first tokens are made.
acl {
  enabled                  = true
  default_policy           = "deny"
  down_policy              = "extend-cache"
  enable_token_persistence = true
}
