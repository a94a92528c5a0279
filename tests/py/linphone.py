"""Linphone as somebody's chat client: linphone.py CONFIG PEER

Loads Linphone's library with the configuration file CONFIG, registers, and chats with the SIP URI PEER: notices that a message was
delivered or displayed (RFC 5438) and that somebody types (RFC 3994) are sent and read by Linphone itself. It takes JSON lines:

{"write": TEXT}        sends a message
{"types": true}        tells that somebody types here
{"reads": true}        tells that what came was displayed

and prints {"registered": true}, {"message": TEXT} of what comes, {"typing": true or false} of the peer, and {"is": STATE} of the message
that it sent: "delivered" (to the server), "received" (by the peer) or "displayed".
"""

import ctypes
import json
import queue
import sys
import threading
import time

CONFIG, PEER = sys.argv[1:]
# LinphoneRegistrationState and LinphoneChatMessageState (linphone/api/c-types.h).
REGISTERED = 2
STATES = {2: "delivered", 3: "failed", 6: "received", 7: "displayed"}
# How often the library is given its turn, in seconds.
TURN = 0.02

library = ctypes.CDLL("liblinphone.so.10")


def call(name, *arguments, returns=ctypes.c_void_p):
    """Calls a function of the library; text goes in UTF-8."""
    function = getattr(library, name)
    function.restype = returns
    return function(*(argument.encode() if isinstance(argument, str) else argument for argument in arguments))


def say(**words):
    print(json.dumps(words), flush=True)


REGISTRATION = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p)
MESSAGE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
COMPOSING = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)


@REGISTRATION
def on_registration(_core, _proxy, state, _message):
    if state == REGISTERED:
        say(registered=True)


@MESSAGE
def on_message(_core, _room, message):
    text = call("linphone_chat_message_get_utf8_text", ctypes.c_void_p(message), returns=ctypes.c_char_p)
    say(message=text.decode() if text else None)


@COMPOSING
def on_composing(_core, room):
    typing = call("linphone_chat_room_is_remote_composing", ctypes.c_void_p(room), returns=ctypes.c_bool)
    say(typing=bool(typing))


def pointer(name, *arguments):
    return ctypes.c_void_p(call(name, *arguments))


factory = pointer("linphone_factory_get")
core = pointer("linphone_factory_create_core_3", factory, CONFIG, None, None)
callbacks = pointer("linphone_factory_create_core_cbs", factory)
call("linphone_core_cbs_set_registration_state_changed", callbacks, on_registration)
call("linphone_core_cbs_set_message_received", callbacks, on_message)
call("linphone_core_cbs_set_is_composing_received", callbacks, on_composing)
call("linphone_core_add_callbacks", core, callbacks)
call("linphone_im_notif_policy_enable_all", pointer("linphone_core_get_im_notif_policy", core))
call("linphone_core_start", core)

commands = queue.SimpleQueue()
ended = threading.Event()


def listen():
    for line in sys.stdin:
        commands.put(json.loads(line))
    ended.set()


threading.Thread(target=listen, daemon=True).start()
sent, told = None, None
while not ended.is_set():
    call("linphone_core_iterate", core)
    while not commands.empty():
        command = commands.get()
        room = pointer("linphone_core_get_chat_room_from_uri", core, PEER)
        if "write" in command:
            sent = pointer("linphone_chat_room_create_message_from_utf8", room, command["write"])
            call("linphone_chat_message_send", sent)
        if "types" in command:
            call("linphone_chat_room_compose", room)
        if "reads" in command:
            call("linphone_chat_room_mark_as_read", room)
    state = sent and STATES.get(call("linphone_chat_message_get_state", sent, returns=ctypes.c_int))
    if state and state != told:
        told = state
        say(**{"is": state})
    time.sleep(TURN)
