package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// refusal says why a call failed: gRPC's status, Sightline's reason, and when to come back.
type refusal struct {
	code    codes.Code
	reason  string
	message string
	wanted  string
	hint    time.Duration
	hinted  bool
}

// newRefusal explains a failure; a stream that ends without one, and without its answer's end,
// was cut off.
func newRefusal(failure error) *refusal {
	if errors.Is(failure, io.EOF) {
		return &refusal{code: codes.Internal, reason: "ANSWER_CUT_OFF", message: "The answer was cut off before its end; ask again."}
	}
	state := status.Convert(failure)
	refused := &refusal{code: state.Code(), message: state.Message(), reason: upper(state.Code())}
	for _, detail := range state.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			refused.reason = detail.Reason
			refused.wanted = detail.Metadata["digests"]
		case *errdetails.RetryInfo:
			delay := detail.RetryDelay
			refused.hint = time.Duration(delay.GetSeconds())*time.Second + time.Duration(delay.GetNanos())
			refused.hinted = true
		}
	}
	return refused
}

// passes tells whether coming back may help. Without a hint, RESOURCE_EXHAUSTED means a
// message too large.
func (refused *refusal) passes() bool {
	return refused.hinted || refused.code == codes.Unavailable || refused.code == codes.DataLoss
}

func (refused *refusal) Error() string {
	return fmt.Sprintf("%s %s: %s", upper(refused.code), refused.reason, refused.message)
}

// upper returns a status's name as gRPC's specification writes it: "DEADLINE_EXCEEDED".
func upper(code codes.Code) string {
	var name strings.Builder
	for index, letter := range code.String() {
		if index > 0 && letter >= 'A' && letter <= 'Z' {
			name.WriteByte('_')
		}
		name.WriteRune(letter)
	}
	return strings.ToUpper(name.String())
}
