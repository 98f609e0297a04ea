"""How the servicer joins a server: by the generated code, but for its chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc
from sightline.encoder.v1 import encoder_pb2, encoder_pb2_grpc

from sightline_encoder.payload import RESPONSES

if TYPE_CHECKING:
    from grpc import aio

    from sightline_encoder.servicer import EncoderServicer

SERVICE_NAME = encoder_pb2.DESCRIPTOR.services_by_name["EncoderService"].full_name


def add_servicer(servicer: EncoderServicer, server: aio.Server) -> None:
    """Registers the servicer; the chunks that it yields are serialised already."""
    method = grpc.stream_stream_rpc_method_handler(
        servicer.EncodeMedia,
        request_deserializer=encoder_pb2.EncodeMediaRequest.FromString,
        response_serializer=RESPONSES.serialize,
    )
    # The first handler of a method counts.
    handlers = grpc.method_handlers_generic_handler(SERVICE_NAME, {"EncodeMedia": method})
    server.add_generic_rpc_handlers((handlers,))
    encoder_pb2_grpc.add_EncoderServiceServicer_to_server(servicer, server)
