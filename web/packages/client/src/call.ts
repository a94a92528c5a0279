/**
 * *Call these people* alone, for pages of other programs: `callPeople()` without the view models of a window.
 *
 * @packageDocumentation
 */
export { type CalledRow, type CallPeopleOptions, type CallPeopleResult, callPeople, PeopleCall, type PeopleCallState } from './embed.js';
export type { EndReason, LegState, Problem, ProblemCode } from './view/types.js';
