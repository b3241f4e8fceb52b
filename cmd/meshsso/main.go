// Command meshsso signs people of a dashboard in to MeshCentral: it answers a shim inside MeshCentral over gRPC.
package main

import "github.com/everydaytech/meshsso/program"

func main() { program.Main() }
