#!/bin/sh
# Generates pb/ from the contracts and builds build/ask: with Debian's Go packages where they are
# installed, otherwise with the modules that go.mod names; their sums come to build/go.sum.
set -eu
cd "$(dirname "$0")"
protos=../../protos
debian=${DEBIAN_GOCODE:-/usr/share/gocode}

# The contracts name no Go packages: that is for each project to say.
mapping() {
  for file in encoder/v1/encoder type/v1/media type/v1/tensor generator/v1/generator; do
    echo "M$1/$file.proto=sightline/ask/pb/$(dirname $file)"
  done
}

rm -rf pb build/gopath
mkdir -p pb build/gopath/src/sightline
for file in type/v1/media.proto type/v1/tensor.proto encoder/v1/encoder.proto generator/v1/generator.proto; do
  protoc -I$protos --go_out=. --go-grpc_out=. \
    $(mapping sightline | sed 's/.*/--go_opt=& --go-grpc_opt=&/') \
    --go_opt=module=sightline/ask --go-grpc_opt=module=sightline/ask sightline/$file
done

if [ -d $debian/src/google.golang.org/grpc ]; then
  ln -sfn "$PWD" build/gopath/src/sightline/ask
  GO111MODULE=off GOPATH="$PWD/build/gopath:$debian" GOFLAGS= go build -o build/ask sightline/ask
else
  cp go.mod build/go.mod # to be completed there: this folder's own is not written to
  go mod tidy -modfile=build/go.mod
  go build -modfile=build/go.mod -o build/ask .
fi
