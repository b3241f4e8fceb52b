package grpcapi

import (
	"context"

	"google.golang.org/grpc/codes"

	"github.com/everydaytech/meshsso/authsvc"
	pb "github.com/everydaytech/meshsso/proto/meshsso/v1"
)

// ListDeviceGroups implements the RPC; see the proto.
func (s *Server) ListDeviceGroups(ctx context.Context, req *pb.ListDeviceGroupsRequest) (*pb.ListDeviceGroupsResponse, error) {
	fresh, err := s.wanting(ctx, req.GetMaxAge())
	if err != nil {
		return nil, toStatus(err)
	}
	resp, err := s.Groups.DeviceGroups(fresh, req.GetDomain())
	if err == nil {
		return resp, nil
	}
	s.Log.InfoContext(ctx, "device groups denied", "reason", authsvc.ReasonOf(err), "error", err.Error())
	if authsvc.ReasonOf(err) == authsvc.RequestInvalid {
		// The request has nothing but a domain: not the request is wrong but the sidecar's way of device rights.
		return nil, withReason(codes.FailedPrecondition, "device groups are not managed: MESHSSO_DEVICE_RIGHTS is not group", authsvc.RequestInvalid)
	}
	return nil, toStatus(err)
}
