/** Globals of the browser for functions that run there: the tests' own types are those of Node. */
export interface BrowserWindow {
  // biome-ignore-start lint/suspicious/noExplicitAny: the types of the DOM would be everywhere if they were here
  document: any
  getComputedStyle(element: unknown): any
  addEventListener(type: string, listener: (event: any) => void): void
  // biome-ignore-end lint/suspicious/noExplicitAny: see above
}
