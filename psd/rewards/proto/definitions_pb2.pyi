from google.protobuf import empty_pb2 as _empty_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetIntegrationResponse(_message.Message):
    __slots__ = ("integrations",)
    INTEGRATIONS_FIELD_NUMBER: _ClassVar[int]
    integrations: _containers.RepeatedCompositeFieldContainer[Integration]
    def __init__(self, integrations: _Optional[_Iterable[_Union[Integration, _Mapping]]] = ...) -> None: ...

class Integration(_message.Message):
    __slots__ = ("id", "type", "style", "vendor", "token_id", "points", "manufacturer_token_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    STYLE_FIELD_NUMBER: _ClassVar[int]
    VENDOR_FIELD_NUMBER: _ClassVar[int]
    TOKEN_ID_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    MANUFACTURER_TOKEN_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    type: str
    style: str
    vendor: str
    token_id: int
    points: int
    manufacturer_token_id: int
    def __init__(self, id: _Optional[str] = ..., type: _Optional[str] = ..., style: _Optional[str] = ..., vendor: _Optional[str] = ..., token_id: _Optional[int] = ..., points: _Optional[int] = ..., manufacturer_token_id: _Optional[int] = ...) -> None: ...
