/** Beats at each interval; one that falls due while another is under way is left out. */
export function startHeartbeat(interval: number, beat: () => Promise<void>, missed: () => void): Disposable {
  let underWay = false
  const timer = setInterval(() => {
    if (underWay) {
      missed()
      return
    }
    underWay = true
    void beat().finally(() => {
      underWay = false
    })
  }, interval)
  return { [Symbol.dispose]: () => clearInterval(timer) }
}
