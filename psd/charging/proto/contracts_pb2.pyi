from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RequestedState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RequestedState_UNKNOWN: _ClassVar[RequestedState]
    RequestedState_ON: _ClassVar[RequestedState]
    RequestedState_OFF: _ClassVar[RequestedState]

class ActualState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ActualState_UNKNOWN: _ClassVar[ActualState]
    ActualState_ON: _ClassVar[ActualState]
    ActualState_OFF: _ClassVar[ActualState]
    ActualState_MIA: _ClassVar[ActualState]
    ActualState_OVERCURRENT: _ClassVar[ActualState]
RequestedState_UNKNOWN: RequestedState
RequestedState_ON: RequestedState
RequestedState_OFF: RequestedState
ActualState_UNKNOWN: ActualState
ActualState_ON: ActualState
ActualState_OFF: ActualState
ActualState_MIA: ActualState
ActualState_OVERCURRENT: ActualState

class Reading(_message.Message):
    __slots__ = ("state", "current", "voltage", "power_factor", "timestamp_ms", "plug_id", "fuze_id", "energy_mwh")
    STATE_FIELD_NUMBER: _ClassVar[int]
    CURRENT_FIELD_NUMBER: _ClassVar[int]
    VOLTAGE_FIELD_NUMBER: _ClassVar[int]
    POWER_FACTOR_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_MS_FIELD_NUMBER: _ClassVar[int]
    PLUG_ID_FIELD_NUMBER: _ClassVar[int]
    FUZE_ID_FIELD_NUMBER: _ClassVar[int]
    ENERGY_MWH_FIELD_NUMBER: _ClassVar[int]
    state: ActualState
    current: float
    voltage: float
    power_factor: float
    timestamp_ms: int
    plug_id: str
    fuze_id: str
    energy_mwh: int
    def __init__(self, state: _Optional[_Union[ActualState, str]] = ..., current: _Optional[float] = ..., voltage: _Optional[float] = ..., power_factor: _Optional[float] = ..., timestamp_ms: _Optional[int] = ..., plug_id: _Optional[str] = ..., fuze_id: _Optional[str] = ..., energy_mwh: _Optional[int] = ...) -> None: ...

class ReadingChunk(_message.Message):
    __slots__ = ("site_id", "readings")
    SITE_ID_FIELD_NUMBER: _ClassVar[int]
    READINGS_FIELD_NUMBER: _ClassVar[int]
    site_id: str
    readings: _containers.RepeatedCompositeFieldContainer[Reading]
    def __init__(self, site_id: _Optional[str] = ..., readings: _Optional[_Iterable[_Union[Reading, _Mapping]]] = ...) -> None: ...

class LocalStateRequest(_message.Message):
    __slots__ = ("id", "plug_id", "site_id", "requested_state", "request_time")
    ID_FIELD_NUMBER: _ClassVar[int]
    PLUG_ID_FIELD_NUMBER: _ClassVar[int]
    SITE_ID_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_STATE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_TIME_FIELD_NUMBER: _ClassVar[int]
    id: str
    plug_id: str
    site_id: str
    requested_state: RequestedState
    request_time: int
    def __init__(self, id: _Optional[str] = ..., plug_id: _Optional[str] = ..., site_id: _Optional[str] = ..., requested_state: _Optional[_Union[RequestedState, str]] = ..., request_time: _Optional[int] = ...) -> None: ...

class LocalStateResponse(_message.Message):
    __slots__ = ("req_id", "resultant_state", "plug_id", "site_id", "time")
    REQ_ID_FIELD_NUMBER: _ClassVar[int]
    RESULTANT_STATE_FIELD_NUMBER: _ClassVar[int]
    PLUG_ID_FIELD_NUMBER: _ClassVar[int]
    SITE_ID_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    req_id: str
    resultant_state: RequestedState
    plug_id: str
    site_id: str
    time: int
    def __init__(self, req_id: _Optional[str] = ..., resultant_state: _Optional[_Union[RequestedState, str]] = ..., plug_id: _Optional[str] = ..., site_id: _Optional[str] = ..., time: _Optional[int] = ...) -> None: ...

class DeviceAnnouncement(_message.Message):
    __slots__ = ("site_id", "plug_ids", "fuze_ids")
    SITE_ID_FIELD_NUMBER: _ClassVar[int]
    PLUG_IDS_FIELD_NUMBER: _ClassVar[int]
    FUZE_IDS_FIELD_NUMBER: _ClassVar[int]
    site_id: str
    plug_ids: _containers.RepeatedScalarFieldContainer[str]
    fuze_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, site_id: _Optional[str] = ..., plug_ids: _Optional[_Iterable[str]] = ..., fuze_ids: _Optional[_Iterable[str]] = ...) -> None: ...
