/**
 * The client library of Convoke: chat and telephone conferences over SIP on a WebSocket, and the view models of a window, without DOM.
 *
 * {@link createConvoke} gives everything that a window shows; {@link callPeople} calls people from any page in one line. The parts below can be
 * used alone: {@link Ua} (SIP), {@link ConferenceService} (commands), {@link Rest}.
 *
 * @packageDocumentation
 */
export { Conferences as FollowedConferences, Followed, type FollowedState, type Seen } from './conference/followed.js';
export type { End, Leg, Participant, Snapshot } from './conference/model.js';
export { type ConvokeOptions, createConvoke } from './convoke.js';
export { type CalledRow, type CallPeopleOptions, type CallPeopleResult, callPeople, PeopleCall, type PeopleCallState } from './embed.js';
export { type WebPlatformOptions, webPlatform } from './platform/web.js';
export type {
  Channel,
  HttpRequest,
  HttpResponse,
  KeyValue,
  MediaEvent,
  MediaPort,
  MediaSession,
  PictureEvent,
  PictureKind,
  PicturePort,
  Platform,
  ShowSession,
  Socket,
  Timer,
  WatchSession,
} from './platform.js';
export { Rest, type RestError, type RestOptions, type RestResult } from './rest/rest.js';
export { type AnswerOf, ask, type PathOf, type TypedOptions, type Verb } from './rest/typed.js';
export { SipRequest, SipResponse } from './sip/message.js';
export { Subscription, type SubscriptionOptions } from './sip/subscription.js';
export { Ua, type UaOptions, type UaState } from './sip/ua.js';
export { ConferenceService, type Outcome } from './soap/client.js';
export type { Fault } from './soap/envelope.js';
export type { Answer, Operation, Party } from './soap/service.js';
export { State } from './util/store.js';
export type * from './view/types.js';
export { clean } from './xml/write.js';
