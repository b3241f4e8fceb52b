package session

// CleanLock lets a test be the other replica.
const CleanLock = int64(cleanLock)
