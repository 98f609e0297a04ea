// Asks a Sightline server about a picture:
// ask -target HOST:PORT -image FILE [-deadline S] [-cancel-after N] QUESTION
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	generator "sightline/ask/pb/generator/v1"
)

const maxAttempts = 5
const maxMessageBytes = 32 << 20

var (
	target      = flag.String("target", "127.0.0.1:50052", "host:port of the generator")
	image       = flag.String("image", "", "a picture's file")
	deadline    = flag.Float64("deadline", 60, "seconds for everything")
	cancelAfter = flag.Int("cancel-after", 0, "hang up after so many pieces")
)

func main() {
	flag.Parse()
	ended, err := run(strings.Join(flag.Args(), " "))
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
	fmt.Println()
	fmt.Fprintln(os.Stderr, ended)
}

func run(text string) (string, error) {
	asked, err := newQuestion(text, *image, *cancelAfter > 0)
	if err != nil {
		return "", err
	}
	channel, err := grpc.Dial(*target,
		grpc.WithInsecure(),
		grpc.WithDisableRetry(),
		grpc.WithDefaultCallOptions(grpc.MaxCallSendMsgSize(maxMessageBytes)),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 20 * time.Second, Timeout: 10 * time.Second}),
	)
	if err != nil {
		return "", err
	}
	defer channel.Close()
	limit := time.Duration(*deadline * float64(time.Second))
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	client := generator.NewGeneratorServiceClient(channel)
	stream, err := ask(ctx, client, asked)
	if err != nil {
		return "", err
	}
	ended, err := write(stream)
	if *cancelAfter > 0 {
		cancel() // the server stops its work
		flush(stream, client)
	}
	return ended, err
}

// flush waits until a call's cancel has been sent; closing the channel drops what is not. Frames
// keep their order, so any answer to a later call tells.
func flush(cancelled generator.GeneratorService_GenerateTextClient, client generator.GeneratorServiceClient) {
	for _, err := cancelled.Recv(); err == nil; {
		_, err = cancelled.Recv()
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	client.GetModelInfo(ctx, &generator.GetModelInfoRequest{})
}

// ask returns a stream that has started; only until then may a question be asked again.
func ask(ctx context.Context, client generator.GeneratorServiceClient, asked *question) (generator.GeneratorService_GenerateTextClient, error) {
	for attempt := 1; ; attempt++ {
		stream, err := client.GenerateText(ctx, asked.request)
		if err == nil {
			_, err = stream.Recv()
		}
		if err == nil {
			return stream, nil
		}
		refused := newRefusal(err)
		if asked.addBytes(refused.wanted) {
			fmt.Fprintln(os.Stderr, "wanted:", asked.media.Digest)
		} else if err := pause(ctx, refused, attempt); err != nil {
			return nil, err
		}
	}
}

// pause waits before the next attempt, or returns a refusal that is final.
func pause(ctx context.Context, refused *refusal, attempt int) error {
	wait := refused.hint
	if !refused.hinted {
		wait = time.Second << attempt / 4
	}
	wait += time.Duration(rand.Int63n(int64(wait)/4 + 1))
	end, _ := ctx.Deadline()
	if !refused.passes() || attempt == maxAttempts || time.Until(end) <= wait {
		return refused
	}
	fmt.Fprintf(os.Stderr, "waiting: %.2f s (%s)\n", wait.Seconds(), refused.reason)
	time.Sleep(wait)
	return nil
}

// write prints an answer as it comes and returns how it ended.
func write(stream generator.GeneratorService_GenerateTextClient) (string, error) {
	for count := 0; ; {
		piece, err := stream.Recv()
		if err != nil {
			return "", newRefusal(err)
		}
		if complete := piece.GetComplete(); complete != nil {
			reason := strings.TrimPrefix(complete.Candidates[0].FinishReason.String(), "FINISH_REASON_")
			return fmt.Sprintf("finished: %s, %d tokens", reason, complete.Usage.CompletionTokenCount), nil
		}
		if text := piece.GetDelta().GetText(); text != "" {
			fmt.Print(text)
			if count++; count == *cancelAfter {
				return fmt.Sprintf("cancelled after %d pieces", count), nil
			}
		}
	}
}
