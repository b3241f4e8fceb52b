package main

import (
	"context"
	"os"
	"testing"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/claims/claimstest"
	"github.com/everydaytech/meshsso/program"
)

func TestTrainedIsAMapper(t *testing.T) {
	const tenant = "11111111-1111-4111-8111-111111111111"
	payload := map[string]any{"userId": 7.0, "email": "ann@acme.example", "tenantId": tenant, "terminal_training": true}
	claimstest.Run(t, claimstest.Suite{
		Factory: newTrained, Config: map[string]any{"claim": "terminal_training"}, Vocabulary: program.Vocabulary(),
		Samples: []claimstest.Sample{{Name: "trained", User: authsvc.User{ID: 7, Email: "ann@acme.example", TenantID: tenant, Role: "technician"}, Payload: payload}},
	})
}

// The program of this folder, with a file that names its mapper and a token that lacks the claim.
func Example() {
	program.Run(context.Background(), []string{"claims", "explain", "--config", "mapper.yaml", "--claims", "claims.json", "--user", "row.json"}, nil, os.Stdout, os.Stderr)
	// Output:
	// A token of the issuer built-in. Its signature and times are not checked here (--verify).
	//
	//  ok  payload    payload
	//  ok  subject    claimMappings.subject
	//                   is   "7"
	//  ok  email      claimMappings.email
	//                   is   "ann@acme.example"
	//  ok  tenant     claimMappings.tenant
	//                   is   "11111111-1111-4111-8111-111111111111"
	//  ok  lookUp
	//                   of   ann@acme.example
	//                   is   1
	//  ok  row
	//  ok  role       technician
	//                   is   {"role":"technician","rank":"technician","deviceRights":["chat","device-details","notes","remote-control","reset-off","wake"],"siteRights":["lock-settings","no-new-devices","no-new-groups"]}
	//  ok  mapper     mappers[0] (trained)
	//                   of   trained
	//                   is   {"role":"technician","name":"Ann","deviceRights":["chat","device-details","no-terminal","notes","remote-control","reset-off","wake"],"siteRights":["lock-settings","no-new-devices","no-new-groups"]}
	//
	// Let in as user//ann@acme.example (Ann), user 7 of tenant 11111111-1111-4111-8111-111111111111
	//   role           technician (rank technician)
	//   device rights  chat, device-details, no-terminal, notes, remote-control, reset-off, wake
	//   site rights    lock-settings, no-new-devices, no-new-groups
	//   devices        1
	//     1 alpha: chat, device-details, no-terminal, notes, remote-control, reset-off, wake
}
