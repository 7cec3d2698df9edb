import { SpeedisoError } from '../../errors.ts'

/** An image did not come whole. */
export class DeliveryError extends SpeedisoError {
  override readonly code: string = 'not-delivered'
}

/** The same, and to try again is of no use. */
export class FinalDeliveryError extends DeliveryError {}

/** It does not fit on hostpart; `facts`: free, bytes and reserve, in bytes, as far as they are known. */
export class NoRoomError extends FinalDeliveryError {}

/** What was asked for starts behind the end of what the server has (RFC 9110, 15.5.17). */
export class PastEndError extends DeliveryError {}
