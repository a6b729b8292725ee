import datetime

from google.protobuf import empty_pb2 as _empty_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetTotalPointsResponse(_message.Message):
    __slots__ = ("totalPoints",)
    TOTALPOINTS_FIELD_NUMBER: _ClassVar[int]
    totalPoints: int
    def __init__(self, totalPoints: _Optional[int] = ...) -> None: ...

class AverageTokensResponse(_message.Message):
    __slots__ = ("averageTokens",)
    AVERAGETOKENS_FIELD_NUMBER: _ClassVar[int]
    averageTokens: int
    def __init__(self, averageTokens: _Optional[int] = ...) -> None: ...

class GetQualifiedDevicesRequest(_message.Message):
    __slots__ = ("start", "end")
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    start: _timestamp_pb2.Timestamp
    end: _timestamp_pb2.Timestamp
    def __init__(self, start: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GetQualifiedDevicesDevice(_message.Message):
    __slots__ = ("id", "integration_ids")
    ID_FIELD_NUMBER: _ClassVar[int]
    INTEGRATION_IDS_FIELD_NUMBER: _ClassVar[int]
    id: str
    integration_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, id: _Optional[str] = ..., integration_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class GetDeviceRewardsRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class GetDeviceRewardsResponse(_message.Message):
    __slots__ = ("id", "tokens", "weeks")
    ID_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    WEEKS_FIELD_NUMBER: _ClassVar[int]
    id: str
    tokens: float
    weeks: _containers.RepeatedCompositeFieldContainer[DeviceRewardsWeek]
    def __init__(self, id: _Optional[str] = ..., tokens: _Optional[float] = ..., weeks: _Optional[_Iterable[_Union[DeviceRewardsWeek, _Mapping]]] = ...) -> None: ...

class DeviceRewardsWeek(_message.Message):
    __slots__ = ("end_date", "tokens", "connection_streak", "disconnection_streak", "integration_ids")
    END_DATE_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    CONNECTION_STREAK_FIELD_NUMBER: _ClassVar[int]
    DISCONNECTION_STREAK_FIELD_NUMBER: _ClassVar[int]
    INTEGRATION_IDS_FIELD_NUMBER: _ClassVar[int]
    end_date: str
    tokens: float
    connection_streak: int
    disconnection_streak: int
    integration_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, end_date: _Optional[str] = ..., tokens: _Optional[float] = ..., connection_streak: _Optional[int] = ..., disconnection_streak: _Optional[int] = ..., integration_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class GetBlacklistStatusRequest(_message.Message):
    __slots__ = ("ethereum_address",)
    ETHEREUM_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    ethereum_address: bytes
    def __init__(self, ethereum_address: _Optional[bytes] = ...) -> None: ...

class GetBlacklistStatusResponse(_message.Message):
    __slots__ = ("is_blacklisted", "note", "created_at")
    IS_BLACKLISTED_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    is_blacklisted: bool
    note: str
    created_at: _timestamp_pb2.Timestamp
    def __init__(self, is_blacklisted: _Optional[bool] = ..., note: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class SetBlacklistStatusRequest(_message.Message):
    __slots__ = ("ethereum_address", "is_blacklisted", "note")
    ETHEREUM_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    IS_BLACKLISTED_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    ethereum_address: bytes
    is_blacklisted: bool
    note: str
    def __init__(self, ethereum_address: _Optional[bytes] = ..., is_blacklisted: _Optional[bool] = ..., note: _Optional[str] = ...) -> None: ...

class SetBlacklistStatusResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
