package folder

// waitForNobody: nothing here waits when it is opened.
const waitForNobody = 0
