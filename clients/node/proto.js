// The contracts, read from the .proto files when the program starts.
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";
import { fileURLToPath } from "node:url";

const folder = (path) => fileURLToPath(new URL(path, import.meta.url));
const contracts = loader.loadSync(
  ["sightline/generator/v1/generator.proto", "google/rpc/error_details.proto"],
  { includeDirs: [folder("../../protos"), folder("..")], longs: Number, enums: String, oneofs: true },
);

export const { GeneratorService } = grpc.loadPackageDefinition(contracts).sightline.generator.v1;

/** Reads a message of google.rpc, for example "Status", from its bytes. */
export const read = (name, bytes) => contracts[`google.rpc.${name}`].deserialize(bytes);
