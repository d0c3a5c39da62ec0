// Before the page is shown: that scripts run here, so that the menu of a narrow window may be folded.
document.documentElement.classList.add("js");
