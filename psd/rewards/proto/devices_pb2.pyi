import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetUserDeviceRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class GetUserDeviceByTokenIdRequest(_message.Message):
    __slots__ = ("token_id",)
    TOKEN_ID_FIELD_NUMBER: _ClassVar[int]
    token_id: int
    def __init__(self, token_id: _Optional[int] = ...) -> None: ...

class ListUserDevicesForUserRequest(_message.Message):
    __slots__ = ("user_id", "ethereum_address")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    ETHEREUM_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    ethereum_address: str
    def __init__(self, user_id: _Optional[str] = ..., ethereum_address: _Optional[str] = ...) -> None: ...

class ListUserDevicesForUserResponse(_message.Message):
    __slots__ = ("user_devices",)
    USER_DEVICES_FIELD_NUMBER: _ClassVar[int]
    user_devices: _containers.RepeatedCompositeFieldContainer[UserDevice]
    def __init__(self, user_devices: _Optional[_Iterable[_Union[UserDevice, _Mapping]]] = ...) -> None: ...

class UserDevice(_message.Message):
    __slots__ = ("id", "user_id", "token_id", "opted_in_at", "owner_address", "integrations", "vin", "vin_confirmed", "aftermarket_device", "syntheticDevice")
    ID_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    TOKEN_ID_FIELD_NUMBER: _ClassVar[int]
    OPTED_IN_AT_FIELD_NUMBER: _ClassVar[int]
    OWNER_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    INTEGRATIONS_FIELD_NUMBER: _ClassVar[int]
    VIN_FIELD_NUMBER: _ClassVar[int]
    VIN_CONFIRMED_FIELD_NUMBER: _ClassVar[int]
    AFTERMARKET_DEVICE_FIELD_NUMBER: _ClassVar[int]
    SYNTHETICDEVICE_FIELD_NUMBER: _ClassVar[int]
    id: str
    user_id: str
    token_id: int
    opted_in_at: _timestamp_pb2.Timestamp
    owner_address: bytes
    integrations: _containers.RepeatedCompositeFieldContainer[UserDeviceIntegration]
    vin: str
    vin_confirmed: bool
    aftermarket_device: AftermarketDevice
    syntheticDevice: SyntheticDevice
    def __init__(self, id: _Optional[str] = ..., user_id: _Optional[str] = ..., token_id: _Optional[int] = ..., opted_in_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., owner_address: _Optional[bytes] = ..., integrations: _Optional[_Iterable[_Union[UserDeviceIntegration, _Mapping]]] = ..., vin: _Optional[str] = ..., vin_confirmed: _Optional[bool] = ..., aftermarket_device: _Optional[_Union[AftermarketDevice, _Mapping]] = ..., syntheticDevice: _Optional[_Union[SyntheticDevice, _Mapping]] = ...) -> None: ...

class UserDeviceIntegration(_message.Message):
    __slots__ = ("id", "status", "external_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    status: str
    external_id: str
    def __init__(self, id: _Optional[str] = ..., status: _Optional[str] = ..., external_id: _Optional[str] = ...) -> None: ...

class AftermarketDevice(_message.Message):
    __slots__ = ("serial", "user_id", "owner_address", "token_id", "manufacturer_token_id", "beneficiary")
    SERIAL_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    OWNER_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    TOKEN_ID_FIELD_NUMBER: _ClassVar[int]
    MANUFACTURER_TOKEN_ID_FIELD_NUMBER: _ClassVar[int]
    BENEFICIARY_FIELD_NUMBER: _ClassVar[int]
    serial: str
    user_id: str
    owner_address: bytes
    token_id: int
    manufacturer_token_id: int
    beneficiary: bytes
    def __init__(self, serial: _Optional[str] = ..., user_id: _Optional[str] = ..., owner_address: _Optional[bytes] = ..., token_id: _Optional[int] = ..., manufacturer_token_id: _Optional[int] = ..., beneficiary: _Optional[bytes] = ...) -> None: ...

class SyntheticDevice(_message.Message):
    __slots__ = ("token_id", "integration_token_id")
    TOKEN_ID_FIELD_NUMBER: _ClassVar[int]
    INTEGRATION_TOKEN_ID_FIELD_NUMBER: _ClassVar[int]
    token_id: int
    integration_token_id: int
    def __init__(self, token_id: _Optional[int] = ..., integration_token_id: _Optional[int] = ...) -> None: ...
