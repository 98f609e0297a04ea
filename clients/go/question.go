package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"strings"

	generator "sightline/ask/pb/generator/v1"
	types "sightline/ask/pb/type/v1"
)

// question names its picture by digest, and holds the bytes once they are wanted.
type question struct {
	request *generator.GenerateTextRequest
	media   *generator.Media
	file    []byte
}

func newQuestion(text, image string, endless bool) (*question, error) {
	asked := &question{}
	parts := []*generator.Part{{Content: &generator.Part_Text{Text: text}}}
	if image != "" {
		file, err := os.ReadFile(image)
		if err != nil {
			return nil, err
		}
		digest := fmt.Sprintf("sha256:%x", sha256.Sum256(file))
		asked.file = file
		asked.media = &generator.Media{Kind: types.MediaKind_MEDIA_KIND_IMAGE, Digest: digest}
		picture := &generator.Part{Content: &generator.Part_Media{Media: asked.media}}
		parts = append([]*generator.Part{picture}, parts...)
	}
	asked.request = &generator.GenerateTextRequest{
		Messages: []*generator.Message{{Role: generator.Role_ROLE_USER, Parts: parts}},
	}
	asked.setLength(endless)
	return asked, nil
}

func (asked *question) setLength(endless bool) {
	if endless {
		length := int64(4000)
		asked.request.Stop = &generator.StopOptions{MaxTokenCount: &length, EndIgnored: true}
		return
	}
	greedy := 0.0
	asked.request.Sampling = &generator.SamplingOptions{Temperature: &greedy}
}

// addBytes adds the bytes if they are wanted and were not sent; it tells whether it did.
func (asked *question) addBytes(wanted string) bool {
	if asked.media == nil || asked.media.Data != nil || !strings.Contains(wanted, asked.media.Digest) {
		return false
	}
	asked.media.Data = asked.file
	return true
}
