import { reportOf, startDelivery } from './deliver.ts'

// A boot that is killed while its report is tried: `node deliver-until-killed.ts URL SPOOL`.
const [url = '', dir = ''] = process.argv.slice(2)
const bench = await startDelivery(`speediso.report=${url} speediso.report.token=secret-token`, {
  spool: { dir, survives: true },
})
void bench.delivery.deliver(reportOf({ reason: 'of the boot that was killed' }))
