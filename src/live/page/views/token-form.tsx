import { useRef } from 'preact/hooks'

interface TokenFormProps {
  wrong: boolean
  /** It was right before: the host has another one by now. */
  seen: boolean
  onToken(token: string): void
}

export function TokenForm({ wrong, seen, onToken }: TokenFormProps) {
  const field = useRef<HTMLInputElement>(null)
  const submit = (event: Event) => {
    event.preventDefault()
    const token = field.current?.value.trim() ?? ''
    if (token !== '') onToken(token)
  }
  return (
    <form class="token" onSubmit={submit}>
      <h2>{wrong ? 'The token is wrong' : 'This log asks for its token'}</h2>
      <p id="token-help">
        {wrong && seen
          ? 'It was right before: the host was probably booted anew, and has a new one. '
          : wrong
            ? 'The server does not know it. Was it cut off while copying? A new boot may have a new one. '
            : ''}
        It stands on the console of the host and in its greeting at an SSH login, or was given by{' '}
        <code>speediso.log.token=</code>.
      </p>
      <label for="token">Token</label>
      <div class="entry">
        <input
          id="token"
          ref={field}
          type="text"
          required
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          aria-describedby="token-help"
          aria-invalid={wrong}
        />
        <button type="submit">Show the log</button>
      </div>
    </form>
  )
}
