/** Hidden first arguments that make this program a worker (main.ts). */
export const DISK_WORKER = '--disk-worker'
