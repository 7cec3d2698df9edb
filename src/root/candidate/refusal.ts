import { SpeedisoError } from '../../errors.ts'

/** The image is at fault. The message is one line for people: what is wrong, and what would be right. */
export class Refusal extends SpeedisoError {
  override readonly code: string = 'refused'
}
