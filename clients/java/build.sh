#!/bin/sh
# Builds build/ask with Debian's jars.
set -eu
cd "$(dirname "$0")"
jars=/usr/share/java
class_path=$(for name in grpc-api grpc-context grpc-core grpc-netty grpc-protobuf grpc-protobuf-lite grpc-stub \
  protobuf guava failureaccess netty-all netty-buffer netty-codec netty-codec-http netty-codec-http2 netty-codec-socks netty-common \
  netty-handler netty-handler-proxy netty-resolver netty-transport netty-transport-native-unix-common \
  perfmark-api gson; do
  [ -e $jars/$name.jar ] && printf %s "$jars/$name.jar:"
done)

rm -rf build && mkdir -p build/generated build/classes
protoc -I../../protos -I.. --java_out=build/generated --grpc-java_out=build/generated \
  --plugin=protoc-gen-grpc-java="$(command -v grpc_java_plugin)" \
  sightline/type/v1/media.proto sightline/type/v1/tensor.proto sightline/encoder/v1/encoder.proto \
  sightline/generator/v1/generator.proto google/rpc/error_details.proto
# The annotation left the JDK with Java 11, and this plugin cannot leave it out.
find build/generated -name '*Grpc.java' -exec sed -i '/^@javax.annotation.Generated(/,/)$/d' {} +
javac -nowarn -d build/classes -cp "$class_path" $(find build/generated src -name '*.java') 2>build/javac.log \
  || { cat build/javac.log >&2; exit 1; }

cat >build/ask <<END
#!/bin/sh
exec java -cp "$PWD/build/classes:$class_path" Ask "\$@"
END
chmod +x build/ask
